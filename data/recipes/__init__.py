"""How each fixture is made: one recipe a set, all of them drawing from one seed."""
