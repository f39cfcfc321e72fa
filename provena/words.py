"""Numbers of things in words."""


def counted(number: int, thing: str, things: str = "") -> str:
    """The number, its thousands apart, and the word in its form for that number: "1 job",
    "2,000 jobs"; `things` is its plural where that takes more than an s."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"
