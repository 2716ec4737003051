"""The first start of a box: what it is, which network it is in, and which fleet it is of."""
