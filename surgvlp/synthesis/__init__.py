"""Made lectures: moving pictures, spoken narration and every label, for the demo and the tests."""
