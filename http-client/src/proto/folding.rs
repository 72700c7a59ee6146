//! Folded header lines (RFC 9112 §5.2): a line that begins with a blank continues the line before it.
//!
//! Folding is obsolete, so `head.rs` parses heads without it. [`unfold_head`] rewrites a folded head in place. This
//! file must not know the meaning of a header, except which headers decide the end of the body.

use crate::InvalidResponse;

/// Replaces each fold of a complete head with one space. Spaces at the end of the line keep the length of the head.
///
/// # Errors
/// [`InvalidResponse`] if `Content-Length` or `Transfer-Encoding` is folded. A recipient that reads only its first
/// line would see another end of the body.
pub(super) fn unfold_head(head: &mut [u8]) -> Result<(), InvalidResponse> {
    let (mut line_start, mut written, mut read) = (0, 0, 0);
    while read < head.len() {
        let line_end = read + line_end_len(&head[read..]);
        if line_end == read {
            head[written] = head[read];
            (written, read) = (written + 1, read + 1);
        } else if head.get(line_end).is_some_and(is_blank) {
            check_may_fold(&head[line_start..written])?;
            written -= head[..written].iter().rev().take_while(|byte| is_blank(byte)).count();
            head[written] = b' ';
            written += 1;
            read = line_end + head[line_end..].iter().take_while(|byte| is_blank(byte)).count();
        } else {
            head[written..read].fill(b' ');
            (line_start, written, read) = (line_end, line_end, line_end);
        }
    }
    Ok(())
}

fn check_may_fold(line: &[u8]) -> Result<(), InvalidResponse> {
    let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
    if name.eq_ignore_ascii_case(b"Content-Length") {
        return Err(InvalidResponse::ContentLength);
    }
    if name.eq_ignore_ascii_case(b"Transfer-Encoding") {
        return Err(InvalidResponse::TransferEncoding);
    }
    Ok(())
}

/// Returns the length of the line end at the start of the bytes, or 0 if there is none.
fn line_end_len(bytes: &[u8]) -> usize {
    match bytes {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => 0,
    }
}

const fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfolded(head: &str) -> Result<String, InvalidResponse> {
        let mut bytes = head.as_bytes().to_vec();
        unfold_head(&mut bytes).map(|()| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn each_fold_becomes_one_space() {
        for (folded, expected) in [
            ("A: 1\r\n 2\r\nB: 3\r\n\r\n", "A: 1 2  \r\nB: 3\r\n\r\n"),
            ("A: 1 \t\r\n\t  2\r\n\r\n", "A: 1 2      \r\n\r\n"),
            ("A:\r\n 1\n 2\n\n", "A: 1 2   \n\n"),
            ("A: 1\r\n \r\n 2\r\n\r\n", "A: 1 2     \r\n\r\n"),
            ("A: 1\r\n \r\n\r\n", "A: 1   \r\n\r\n"),
            ("A: \r2\r\n\r\n", "A: \r2\r\n\r\n"),
        ] {
            assert_eq!(unfolded(folded).as_deref(), Ok(expected), "{folded:?}");
        }
    }

    #[test]
    fn folded_framing_header_is_rejected() {
        let coding = "A: 1\nTransfer-Encoding: chunked\n\t\n\n";
        assert_eq!(unfolded(coding), Err(InvalidResponse::TransferEncoding));
        assert_eq!(unfolded("content-length:\r\n 5\r\n\r\n"), Err(InvalidResponse::ContentLength));
        assert!(unfolded("A: 1\r\n Content-Length: 5\r\nContent-Length: 5\r\n\r\n").is_ok());
    }
}
