"""Whether this program has everything that it is made of, without a configuration: `checks` has the list."""
