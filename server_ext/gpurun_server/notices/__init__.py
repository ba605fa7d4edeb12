"""Notices: what ends, fails or is lost is told by mail, chat or webhook. docs/watching.md says how they are set up."""
