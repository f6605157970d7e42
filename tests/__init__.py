"""A package, so that `tests` means these tests: a package of the test environment installs its own under the same name."""
