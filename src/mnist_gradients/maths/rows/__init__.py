"""How sums over rows are computed: blocks, threads, and products of tall matrices."""
