"""One classification task, and the minimisers of its objective: ours and scikit-learn's."""
