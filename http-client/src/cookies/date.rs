//! Parser of cookie dates, which accepts any order and punctuation of the fields (RFC 6265 §5.1.1).

/// Parses a date in UTC. Returns seconds since 1970, or `None` if the text is not a date.
pub(super) fn parse_cookie_date(text: &str) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.as_bytes().split(|&byte| is_delimiter(byte)).filter(|token| !token.is_empty()) {
        if time.is_none()
            && let Some(parsed) = time_of_day(token)
        {
            time = Some(parsed);
        } else if day.is_none()
            && let Some(parsed) = number(token, 1, 2)
        {
            day = Some(parsed);
        } else if month.is_none()
            && let Some(parsed) = month_of_year(token)
        {
            month = Some(parsed);
        } else if year.is_none()
            && let Some(parsed) = number(token, 2, 4)
        {
            year = Some(parsed);
        }
    }
    let ([hour, minute, second], day, month, year) = (time?, day?, month?, full_year(year?)?);
    let days = days_since_1970(year, month, day)?;
    (hour < 24 && minute < 60 && second < 60).then_some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Parses the leading digits of a token. Returns `None` unless their count is in the given range.
fn number(token: &[u8], min_len: usize, max_len: usize) -> Option<i64> {
    let len = token.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = token[..len].iter().map(|digit| i64::from(digit - b'0'));
    (min_len..=max_len).contains(&len).then(|| digits.fold(0, |number, digit| number * 10 + digit))
}

/// Parses `h:m:s`. Characters after the seconds are ignored.
fn time_of_day(token: &[u8]) -> Option<[i64; 3]> {
    let mut parts = token.splitn(3, |&byte| byte == b':');
    let mut next_number = || {
        let part = parts.next()?;
        number(part, part.len().max(1), 2)
    };
    let (hour, minute) = (next_number()?, next_number()?);
    Some([hour, minute, number(parts.next()?, 1, 2)?])
}

fn month_of_year(token: &[u8]) -> Option<usize> {
    let start = token.get(..3)?;
    MONTHS.iter().position(|(name, _)| start.eq_ignore_ascii_case(name))
}

fn full_year(year: i64) -> Option<i64> {
    match year {
        0..=69 => Some(year + 2000),
        70..=99 => Some(year + 1900),
        1601.. => Some(year),
        _ => None,
    }
}

/// Counts days in the proleptic Gregorian calendar. Returns `None` for a day that the month does not have.
fn days_since_1970(year: i64, month: usize, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let leap_day = i64::from(is_leap);
    let days_of_month = MONTHS[month].1 + if month == 1 { leap_day } else { 0 };
    let before_month: i64 = MONTHS[..month].iter().map(|(_, days)| days).sum();
    let leap_days_until = |year: i64| year / 4 - year / 100 + year / 400;
    let before_year = (year - 1970) * 365 + leap_days_until(year - 1) - leap_days_until(1969);
    let of_year = before_month + if month > 1 { leap_day } else { 0 } + day - 1;
    (1..=days_of_month).contains(&day).then_some(before_year + of_year)
}

const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e)
}

const MONTHS: [(&[u8], i64); 12] = [
    (b"jan", 31),
    (b"feb", 28),
    (b"mar", 31),
    (b"apr", 30),
    (b"may", 31),
    (b"jun", 30),
    (b"jul", 31),
    (b"aug", 31),
    (b"sep", 30),
    (b"oct", 31),
    (b"nov", 30),
    (b"dec", 31),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_formats_of_servers_are_parsed() {
        for text in [
            "Tue, 14 Nov 2023 22:13:20 GMT",
            "Tuesday, 14-Nov-23 22:13:20 GMT",
            "Tue Nov 14 22:13:20 2023",
            "14 november 2023 22:13:20",
            "Tue, 14-Nov-2023 22:13:20",
            "2023 Nov 14 22:13:20xyz +0500",
            "22:13:20;14/NOV/23",
        ] {
            assert_eq!(parse_cookie_date(text), Some(1_700_000_000), "{text}");
        }
    }

    #[test]
    fn dates_follow_the_gregorian_calendar() {
        let at = |date: &str| parse_cookie_date(&format!("{date} 00:00:00"));
        assert_eq!(at("1 Jan 1970"), Some(0));
        assert_eq!(at("31 Dec 1969"), Some(-86_400));
        assert_eq!(at("29 Feb 2000"), Some(951_782_400));
        assert_eq!(at("1 Mar 2100"), Some(4_107_542_400));
        assert_eq!(at("1 Jan 1601"), Some(-11_644_473_600));
        assert_eq!(at("31 Dec 9999"), Some(253_402_214_400));
        assert_eq!((at("1 Jan 69"), at("1 Jan 70")), (Some(3_124_224_000), Some(0)));
    }

    #[test]
    fn invalid_dates_are_rejected() {
        for text in [
            "",
            "soon",
            "Tue, 14 Nov 2023",
            "14 Nov 2023 22:13",
            "14 Nov 2023 24:00:00",
            "14 Nov 2023 00:60:00",
            "14 Nov 2023 00:00:60",
            "14 Nov 2023 000:00:00",
            "14 Nov 2023 :00:00",
            "0 Nov 2023 00:00:00",
            "31 Nov 2023 00:00:00",
            "29 Feb 1900 00:00:00",
            "14 Nov 1600 00:00:00",
            "14 Nov 12023 00:00:00",
            "14 No 2023 00:00:00",
            "\u{661}4 Nov 2023 00:00:00",
        ] {
            assert_eq!(parse_cookie_date(text), None, "{text}");
        }
    }
}
