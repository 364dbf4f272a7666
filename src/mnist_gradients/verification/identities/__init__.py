"""The identities of P1, P2 and P3: our code, and each objective written down once more."""
