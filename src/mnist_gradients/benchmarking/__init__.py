"""Engine of the benchmark: public estimators side by side, each fit in a process of its own."""
