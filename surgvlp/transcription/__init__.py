"""Speech to narration texts.

A lecture's sound streams out of its video (`media.audio`), is cut into pieces of at most half a minute of
speech (`speech`), recognised by one of two engines behind one interface (`recogniser`), put together into
sentences (`sentences`), cleaned as published (`cleaning`) and written into the data tree (`lecture_job`).
`score` gives the word error rate where it is known what was really said.
"""
