"""Three independent oracles for a gradient: finite differences, symbolic algebra, autodiff."""
