"""What code that somebody wrote is put through by running it: does it know the future, and does it trade like another?"""
