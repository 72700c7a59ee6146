//! The record of the given arguments, for the results of a run: all that the command line, variables and files give.
//!
//! Secrets are masked here, so that no output can contain them: passwords in URLs, headers that authenticate, bodies,
//! and the arguments that a locustfile marks as secret.

use clap::{Arg, ArgMatches, Command, parser::ValueSource};

use super::{
    arg_value::{ArgValue, RecordedArg},
    custom_args::{self, NO_VALUE},
    program::CustomArg,
};

/// Returns the arguments that `matches` has, in the order of `command`.
pub(in crate::args) fn record_args(
    command: &Command,
    matches: &ArgMatches,
    custom_args: &[CustomArg],
) -> Vec<RecordedArg> {
    let is_given = |arg: &&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    let given = command.get_arguments().filter(is_given);
    given.map(|arg| record_arg(arg, matches, custom_args)).collect()
}

/// Returns `text` with the passwords of its URLs masked: `http://user:***@host`.
pub(crate) fn mask_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    // A comma may be part of a password, or separate two URLs.
    let ends = [rest.find(['/', '?', '#', ' ']), rest.find(",http://"), rest.find(",https://")];
    let (authority, path) = rest.split_at(ends.into_iter().flatten().min().unwrap_or(rest.len()));
    let masked = authority.rsplit_once('@').and_then(|(user_info, host)| {
        let (user, _) = user_info.split_once(':')?;
        Some(format!("{user}:{MASK}@{host}"))
    });
    format!("{scheme}://{}{}", masked.as_deref().unwrap_or(authority), mask_url(path))
}

fn record_arg(arg: &Arg, matches: &ArgMatches, custom_args: &[CustomArg]) -> RecordedArg {
    let id = arg.get_id().as_str();
    let name = arg.get_long().unwrap_or(id);
    let custom = custom_args.iter().find(|custom| custom.flags.iter().any(|flag| custom_args::arg_id(flag) == id));
    let has_values = arg.get_action().takes_values();
    let raw = matches.get_raw(id).into_iter().flatten().filter(|value| has_values && *value != NO_VALUE);
    let texts = raw.map(|value| ArgValue::from(&*value.to_string_lossy()).text);
    let mask = |text: String| match (custom, name) {
        (Some(custom), _) if custom.secret => MASK.to_owned(),
        (None, "header") => mask_header(&text),
        (None, "body") => format!("({} bytes)", text.len()),
        _ => mask_url(&text),
    };
    let name = custom.map_or(name, |custom| custom.name().trim_start_matches('-'));
    RecordedArg { name: name.to_owned(), values: texts.map(mask).collect() }
}

/// Masks the value of a header that may authenticate the client.
fn mask_header(header: &str) -> String {
    match header.split_once(':') {
        Some((name, _)) if is_secret_name(name) => format!("{name}: {MASK}"),
        _ => mask_url(header),
    }
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

const MASK: &str = "***";

/// Parts of the names of headers that authenticate a client.
const SECRET_WORDS: [&str; 7] = ["auth", "cookie", "key", "pass", "secret", "signature", "token"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comma_is_part_of_a_password() {
        assert_eq!(mask_url("http://me:a,b@h/"), "http://me:***@h/");
        assert_eq!(mask_url("http://me:a@h,https://you:b@i/"), "http://me:***@h,https://you:***@i/");
    }

    #[test]
    fn passwords_in_urls_are_masked() {
        for (text, masked) in [
            ("http://h/", "http://h/"),
            ("http://me:secret@h:80/a?b=c:d@e", "http://me:***@h:80/a?b=c:d@e"),
            ("http://me@h", "http://me@h"),
            ("http://a:b:c@d@h/", "http://a:***@h/"),
            ("http://h/?to=http://me:secret@i/", "http://h/?to=http://me:***@i/"),
            ("http://a:b@h,https://c:d@i", "http://a:***@h,https://c:***@i"),
            ("no url: a@b", "no url: a@b"),
        ] {
            assert_eq!(mask_url(text), masked);
        }
    }

    #[test]
    fn headers_that_authenticate_are_masked() {
        for (header, masked) in [
            ("Accept: a", "Accept: a"),
            ("authorization: Bearer x", "authorization: ***"),
            ("X-Api-Key:x", "X-Api-Key: ***"),
            ("Referer: http://me:x@h/", "Referer: http://me:***@h/"),
        ] {
            assert_eq!(mask_header(header), masked);
        }
    }
}
