//! What can be typed during a run, as values.
//!
//! The letters are Locust's. What they do is decided in `app.rs`.

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// So many users more.
    MoreUsers(u32),
    /// So many users fewer.
    FewerUsers(u32),
    /// End the run.
    Quit,
}

impl Key {
    fn new(byte: u8) -> Option<Self> {
        match byte {
            b'w' => Some(Self::MoreUsers(1)),
            b'W' => Some(Self::MoreUsers(10)),
            b's' => Some(Self::FewerUsers(1)),
            b'S' => Some(Self::FewerUsers(10)),
            b'q' => Some(Self::Quit),
            _ => None,
        }
    }
}

/// The keys in what a terminal has sent at once. Behind an escape come names of keys that are not letters: F4 ends in
/// an S.
pub(super) fn typed(bytes: &[u8]) -> impl Iterator<Item = Key> {
    bytes.iter().take_while(|byte| **byte != ESCAPE).filter_map(|byte| Key::new(*byte))
}

const ESCAPE: u8 = 0x1b;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_locusts_and_the_rest_means_nothing() {
        let keys: Vec<Key> = typed("wxW\nsSäqQ".as_bytes()).collect();
        let expected = [Key::MoreUsers(1), Key::MoreUsers(10), Key::FewerUsers(1), Key::FewerUsers(10), Key::Quit];
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_function_key_is_no_letter() {
        assert_eq!(typed(b"\x1bOS").count(), 0);
        assert_eq!(typed(b"w\x1b[1;2S").collect::<Vec<_>>(), [Key::MoreUsers(1)]);
    }
}
