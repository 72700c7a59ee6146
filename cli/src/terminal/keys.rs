//! What can be typed during a run, as values.
//!
//! The letters are Locust's. What they do is decided in `app.rs`.

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyCommand {
    /// So many users more.
    AddUsers(u32),
    /// So many users fewer.
    RemoveUsers(u32),
    /// End the run.
    Quit,
}

impl KeyCommand {
    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'w' => Some(Self::AddUsers(1)),
            b'W' => Some(Self::AddUsers(10)),
            b's' => Some(Self::RemoveUsers(1)),
            b'S' => Some(Self::RemoveUsers(10)),
            b'q' => Some(Self::Quit),
            _ => None,
        }
    }
}

/// The keys in what a terminal has sent at once. Behind an escape come names of keys that are not letters: F4 ends in
/// an S.
pub(super) fn parse_keys(bytes: &[u8]) -> impl Iterator<Item = KeyCommand> {
    bytes.iter().take_while(|byte| **byte != ESCAPE).filter_map(|byte| KeyCommand::from_byte(*byte))
}

const ESCAPE: u8 = 0x1b;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_locusts_and_the_rest_means_nothing() {
        let keys: Vec<KeyCommand> = parse_keys("wxW\nsSäqQ".as_bytes()).collect();
        let expected = [
            KeyCommand::AddUsers(1),
            KeyCommand::AddUsers(10),
            KeyCommand::RemoveUsers(1),
            KeyCommand::RemoveUsers(10),
            KeyCommand::Quit,
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_function_key_is_no_letter() {
        assert_eq!(parse_keys(b"\x1bOS").count(), 0);
        assert_eq!(parse_keys(b"w\x1b[1;2S").collect::<Vec<_>>(), [KeyCommand::AddUsers(1)]);
    }
}
