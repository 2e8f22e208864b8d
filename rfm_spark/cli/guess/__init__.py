"""What `init` guesses of a source nobody has described; a run reads only what the user then confirmed."""
