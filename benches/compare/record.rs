//! A comparison kept for later readers, in `benches/runs/<date>-<kernel>-<cpu>/`: README.md says what was run where, raw.csv
//! holds every run, summary.txt the table as printed. Nothing in it names the host or its folders.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;

use crate::clients::Client;

/// One comparison, ready to be written.
pub(crate) struct ComparisonRecord<'a> {
    /// The arguments of this program.
    pub(crate) arguments: &'a [String],
    /// Who was compared.
    pub(crate) clients: &'a [Client],
    /// The cores of server and clients, in words.
    pub(crate) cores: &'a str,
    /// What was printed.
    pub(crate) summary: &'a str,
    /// Every run.
    pub(crate) csv: &'a str,
}

impl ComparisonRecord<'_> {
    /// Writes it into a folder of its own and says where.
    pub(crate) fn write(&self) -> anyhow::Result<PathBuf> {
        let folder = free_folder(&format!("{}-{}-{}", date()?, kernel()?, slug(&cpu()?)));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("README.md"), self.readme()?)?;
        fs::write(folder.join("raw.csv"), self.csv)?;
        fs::write(folder.join("summary.txt"), self.summary)?;
        Ok(folder)
    }

    fn readme(&self) -> anyhow::Result<String> {
        let arguments = self.arguments.join(" ");
        let mut versions: Vec<_> = self.clients.iter().filter_map(|client| client.version()).collect();
        // Clients that are one program.
        versions.sort();
        versions.dedup();
        if self.clients.iter().any(|client| client.python_users().is_none()) {
            versions.extend(libraries());
        }
        Ok(format!(
            "# Side-by-side comparison, {date}\n\n\
             Command: `cargo run --release -p benches --bin compare -- {arguments}`\n\n\
             - commit: {commit}\n- machine: {cpu}, {cores} cores; {placement}\n- kernel: {kernel}\n- compiler: {rustc}\n- versions: {versions}\n\n\
             What the figures mean and how far to trust them: [benches/README.md](../../README.md). Every run is in raw.csv.\n\n\
             ```\n{summary}```\n",
            date = date()?,
            commit = commit(),
            cpu = cpu()?,
            cores = std::thread::available_parallelism()?,
            placement = self.cores,
            kernel = kernel()?,
            rustc = command_output("rustc", &["--version"]).unwrap_or_else(|| "unknown".to_owned()),
            versions = versions.join(", "),
            summary = self.summary,
        ))
    }
}

fn free_folder(name: &str) -> PathBuf {
    let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("runs");
    let numbered = (2..).map(|number| runs.join(format!("{name}-{number}")));
    std::iter::once(runs.join(name)).chain(numbered).find(|folder| !folder.exists()).expect("numbers do not end")
}

/// Today in UTC, as YYYY-MM-DD.
fn date() -> anyhow::Result<String> {
    Ok(civil_date(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() / 86_400))
}

/// Days since 1970-01-01 as a date of the Gregorian calendar: years are counted from March, so that the leap day is last.
fn civil_date(days: u64) -> String {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The release's numbers, without what a distributor adds.
fn kernel() -> anyhow::Result<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(release.trim().split('-').next().unwrap_or_default().to_owned())
}

fn cpu() -> anyhow::Result<String> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let line = info.lines().find(|line| line.starts_with("model name")).context("no model name in cpuinfo")?;
    Ok(line.split_once(':').context("no value in cpuinfo")?.1.trim().to_owned())
}

fn commit() -> String {
    let folder = env!("CARGO_MANIFEST_DIR");
    let Some(commit) = command_output("git", &["-C", folder, "rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let clean = command_output("git", &["-C", folder, "status", "--porcelain", "--untracked-files=no"])
        .is_some_and(|text| text.is_empty());
    if clean { commit } else { format!("{commit} with uncommitted changes") }
}

/// The runtimes under comparison, as the lock file has them.
fn libraries() -> impl Iterator<Item = String> {
    let lock = include_str!("../../Cargo.lock");
    ["glommio", "io-uring", "monoio", "tokio"].into_iter().filter_map(move |name| {
        let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        Some(format!("{name} {}", after.split('"').next()?))
    })
}

fn command_output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn slug(text: &str) -> String {
    let words: Vec<_> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (days, date) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_780, "2026-11-23"),
            (47_540, "2100-02-28"),
        ] {
            assert_eq!(civil_date(days), date);
        }
    }

    #[test]
    fn a_processor_s_name_becomes_part_of_a_path() {
        assert_eq!(slug("AMD EPYC 9R14 (2.6/GHz)"), "amd-epyc-9r14-2-6-ghz");
    }

    #[test]
    fn the_lock_file_names_every_runtime() {
        assert_eq!(libraries().count(), 4);
    }
}
