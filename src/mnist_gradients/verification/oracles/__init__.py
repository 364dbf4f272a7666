"""Three independent judges of a gradient: finite differences, symbolic algebra, autodiff."""
