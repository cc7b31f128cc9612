"""Which category a skill belongs to: taxonomies, people's word, and what is learned from both.

The mathematics and the readers of files are pure; ``keeping`` talks to the store.
"""
