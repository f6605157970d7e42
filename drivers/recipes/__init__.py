"""Write recipes: `[streams.NAME.write]`, what of it is the same in all drivers.

A recipe says, for each operation of a stream, which steps write a record: the source's names, and behind each the
field of the record (or a constant, or one of the words in `words`) that it is made of. A driver supplies how a step
is addressed and how values are spelled; this room supplies the rest:

- `tables`: the tables as people write them. The driver's `StepTable(StepOptions)`, `OperationTable(OperationOptions)`
  and `WriteTable(WriteOptions[OperationTable])` add its own keys, and `parse_write` reads them.
- `recipe`: the same as values. The driver's steps are frozen dataclasses with the attributes of `recipe.Step`;
  `Recipe[ItsStep, WhatItsFindIs]` is one operation and `Writes[ItsRecipe]` a stream. `operations_of(stream,
  recipes, settles)` is the operation matrix, all of it.
- `reading`: makes the one of the other. `Reading(kind, table, where, key, ...)` checks every word and says what is
  wrong with its place; its `parts` are all that a recipe has besides its steps and its find.
- `scope`: `Scope` is what the words stand for while one command is carried out, `runs_of(step, scope)` one scope for
  each run of a step (per line, or once), `shortened` the external reference. `Misfit` is a field that cannot be
  written as it is.
- `values`: numbers, moments, truth values and texts, exactly or not at all (`Unfit`).
- `types`: the words of a driver's `types` table, `decimal(12,4)` and the like, and that each of them is used.
- `outcomes`: `recipe_to_execute` and `recipe_to_look_up` find the recipe of a command, `outcome_of(scope)` is what
  came of it; `Refusal` ends a write that changed nothing, with the messages that a FAILED outcome has.
- `naming`: a name that nobody knows is refused with the nearest one that is known.

    table = parse_write(WriteTable, spec, page=PAGE)
    for kind, operation in table.operations():
        reading = Reading(kind, operation, f"streams.{spec.name}.write.{kind.value}", key, keys, lists)
        steps = tuple(...)                                      # the driver's own, each word past reading.check_name
        recipe = Recipe(**reading.parts(steps, results=...), steps=steps, find=...)

and, for a command,

    recipe = recipe_to_execute(command, writes)                 # raises Refusal
    scope = Scope(writes=writes, recipe=recipe, record=command.record, ...)
    for step in recipe.steps:
        for each in runs_of(step, scope): ...                   # the driver's own: make a call of it, send it
    return outcome_of(replace(scope, results=...))

`drivers/odbc/recipe_reader.py` and `composing.py` are the plainest example.
"""
