"""Speech to narration texts, and narrations to keysteps and abstracts.

A lecture's sound streams out of its video (`media.audio`), is cut into pieces of at most half a minute of
speech (`speech`), recognised by one of two engines behind one interface (`recogniser`), told what to expect
(`vocabulary`), and put together into sentences (`sentences`). What nobody said is left out by kind
(`inventions`), the rest is cleaned as published (`cleaning`, `spelling`) and written into the data tree
(`narrations`), a lecture after another (`lecture_job`). Transcripts of Amazon Transcribe come in by the same
way (`importing`). `score` compares with what was really said, where that is known.

Lectures without keysteps and abstracts get them from their narrations (`text_job`), without a language model
(`offline_writer`): cut where the topic changes (`segmentation`), told in the lecturer's words (`extracts`).
`boundary_score` compares with where keysteps really begin. What else is known of a lecture, its chapter marks
for example, comes from `lectures.metadata`.

A `language_model` writes the texts in its own words, and puts narrations right (`correcting`).
"""
