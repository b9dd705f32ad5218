"""What only a process of its own can show: forks, signals, threads, memory, and states that nobody should have made."""
