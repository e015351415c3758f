"""A notebook as a thing to run: find it, check its parameters, run it to a record, lint it, validate its outputs."""
