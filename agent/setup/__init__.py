"""Set-up in one sitting: a conversation (pure of how it is shown), the person it is held with, the machine it acts on.

Begin with `conversation`. `asking` is what is asked and said, `machine_port` what is done; a terminal, a file of answers
and the console are each a `Person`. docs/setup.md is the page for people.
"""
