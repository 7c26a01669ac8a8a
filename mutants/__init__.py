"""Does any test fail where one line of the judgement is wrong? See README.md."""
