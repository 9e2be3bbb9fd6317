"""The simulated world of a lesson, behind the same protocols as the real one."""
