"""Asking a language model about a lecture, and believing nothing of what it answers.

It is behind a server (`server`) or in this process (`local`), which looks the same to the rest (`protocol`).
It is asked `questions`, each until the answer is valid (`asking`), which `answers` decides; valid ones are
kept (`cache`). `writer` makes keysteps, abstracts and corrected narrations of them; the last only where no
more than `misheard` words change.
"""
