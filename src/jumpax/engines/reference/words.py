"""Random words of the reference engine, in Python integers."""

MASK = 0xFFFFFFFF


def _rotate(x: int, by: int) -> int:
    return ((x << by) | (x >> (32 - by))) & MASK


def _threefry(key: tuple[int, int], x: int, y: int) -> tuple[int, int]:
    schedule = (*key, key[0] ^ key[1] ^ 0x1BD11BDA)
    x, y = (x + schedule[0]) & MASK, (y + schedule[1]) & MASK
    for group in range(5):
        for by in ((13, 15, 26, 6), (17, 29, 16, 24))[group % 2]:
            x = (x + y) & MASK
            y = _rotate(y, by) ^ x
        x = (x + schedule[(group + 1) % 3]) & MASK
        y = (y + schedule[(group + 2) % 3] + group + 1) & MASK
    return x, y


class Words:
    """xoshiro128++ of one stream of one path; `peek` looks ahead, `skip` moves on."""

    def __init__(self, key: tuple[int, int], path: int, stream: int):
        self.state = [*_threefry(key, path, 2 * stream), *_threefry(key, path, 2 * stream + 1)]
        if not any(self.state):
            self.state[3] = 1

    def draw(self) -> int:
        """The next word."""
        a, b, c, d = self.state
        word = (_rotate((a + d) & MASK, 7) + a) & MASK
        c, d, shifted = c ^ a, d ^ b, (b << 9) & MASK
        self.state = [a ^ d, b ^ c, c ^ shifted, _rotate(d, 11)]
        return word

    def peek(self, n: int) -> list[int]:
        """The next n words, without moving on."""
        kept = self.state
        words = [self.draw() for _ in range(n)]
        self.state = kept
        return words

    def skip(self, n: int) -> None:
        """Move on by n words."""
        for _ in range(n):
            self.draw()
