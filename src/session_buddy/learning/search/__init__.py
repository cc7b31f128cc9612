"""Finding skills by what they are for: words, meaning, and what is known of their use.

``words`` and ``terms`` find what is said, ``embedding`` and ``vectors`` what is meant; ``fusing`` makes one order of
both, and ``reranking`` leans it a little towards what works. ``index`` asks all of them, ``keeping`` the store.
"""
