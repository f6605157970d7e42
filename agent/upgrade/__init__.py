"""What an upgrade needs: files of newer versions refused, and the switch that goes back by itself (docs/upgrade.md).

newer      the words for a file that a newer Groundwire wrote
kinds      every kind of file of a state folder that has a version, and what it says, read without being touched
"""
