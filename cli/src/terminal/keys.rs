//! The keys of a run, as values.
//!
//! The letters are Locust's. `run/follow.rs` applies them.

/// The command of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyCommand {
    /// Adds this many users.
    AddUsers(u32),
    /// Removes this many users.
    RemoveUsers(u32),
    /// Ends the run.
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

/// Returns the keys in the bytes of one read. Bytes after an escape are ignored: they name a key that is not a letter.
/// The sequence of F4, for example, ends in `S`.
pub(super) fn parse_keys(bytes: &[u8]) -> impl Iterator<Item = KeyCommand> {
    bytes.iter().take_while(|byte| **byte != ESCAPE).filter_map(|byte| KeyCommand::from_byte(*byte))
}

const ESCAPE: u8 = 0x1b;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_letters_of_locust_are_keys() {
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
    fn function_key_is_not_a_letter() {
        assert_eq!(parse_keys(b"\x1bOS").count(), 0);
        assert_eq!(parse_keys(b"w\x1b[1;2S").collect::<Vec<_>>(), [KeyCommand::AddUsers(1)]);
    }
}
