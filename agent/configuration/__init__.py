"""How the files that people edit become typed, frozen settings. `agent.settings` is the door."""
