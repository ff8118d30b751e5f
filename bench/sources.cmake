# Every benchmark program and its files, by name.
