//! A histogram as text that the libraries of HdrHistogram decode: V2, compressed by zlib, in base64.

use std::io::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::ZlibEncoder};
use gregaria_stats::PagedHistogram;

/// Returns the text of a histogram. It begins with `HISTFAAA`.
pub(super) fn encode(histogram: &PagedHistogram) -> String {
    let compressed = compress(&histogram.to_hdr_v2()).expect("memory can be written");
    let header = [COMPRESSED_COOKIE, compressed.len() as u32].map(u32::to_be_bytes);
    STANDARD.encode([header.as_flattened(), &compressed].concat())
}

fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The mark of a compressed histogram in its first four bytes.
const COMPRESSED_COOKIE: u32 = 0x1c84_9314;

#[cfg(test)]
mod tests {
    use hdrhistogram::{Histogram, serialization::Deserializer};

    use super::*;

    #[test]
    fn text_is_decoded_by_hdrhistogram() {
        let mut histogram = PagedHistogram::new();
        (1..=100).for_each(|second| histogram.record(second * 1_000_000));
        let text = encode(&histogram);
        assert!(text.starts_with("HISTFAAA"), "{text}");
        let bytes = STANDARD.decode(text).unwrap();
        let hdr: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
        assert_eq!((hdr.len(), hdr.value_at_quantile(0.95)), (100, histogram.percentile_us(0.95)));
    }
}
