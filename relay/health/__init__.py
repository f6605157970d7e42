"""How agents and connections are: what is known (`facts`), what it is held against (`rules`), what it means (`judging`),
what is said aloud of it (`alerts`). All of these are pure. `told` reads an agent's word, `notes` writes down what is seen,
`alerting` is the worker.
"""
