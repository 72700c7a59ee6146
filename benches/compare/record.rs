//! The record of a comparison, in `benches/runs/<date>-<commit>/`: README.md states machine, kernel, commit and
//! command, raw.csv holds every run, summary.txt the tables as printed. A record never names the host or its folders.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;

use crate::clients::Client;

/// One comparison, ready to be written.
pub(crate) struct ComparisonRecord<'a> {
    /// The command-line arguments.
    pub(crate) arguments: &'a [String],
    /// The compared clients.
    pub(crate) clients: &'a [Client],
    /// The cores of server and clients, as text.
    pub(crate) cores: &'a str,
    /// The tables as printed.
    pub(crate) summary: &'a str,
    /// Every run, as CSV.
    pub(crate) csv: &'a str,
}

impl ComparisonRecord<'_> {
    /// Writes the record into a new folder and returns the path of the folder.
    pub(crate) fn write(&self) -> anyhow::Result<PathBuf> {
        let folder = free_folder(&folder_name(&date()?, commit().as_deref()));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("README.md"), self.readme()?)?;
        fs::write(folder.join("raw.csv"), self.csv)?;
        fs::write(folder.join("summary.txt"), self.summary)?;
        Ok(folder)
    }

    fn readme(&self) -> anyhow::Result<String> {
        let arguments = self.arguments.join(" ");
        let mut versions: Vec<_> = self.clients.iter().filter_map(|client| client.version()).collect();
        // Several clients may be the same program.
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
            commit = commit_with_state(),
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

fn folder_name(date: &str, commit: Option<&str>) -> String {
    format!("{date}-{}", commit.map_or("unknown", |commit| &commit[..7]))
}

/// Returns the path of a folder that does not exist. Later records of a day and commit have a number from 2 as suffix.
fn free_folder(name: &str) -> PathBuf {
    let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("runs");
    let numbered = (2..).map(|number| runs.join(format!("{name}-{number}")));
    std::iter::once(runs.join(name)).chain(numbered).find(|folder| !folder.exists()).expect("the numbers are unlimited")
}

/// Returns the current date in UTC, as YYYY-MM-DD.
fn date() -> anyhow::Result<String> {
    Ok(civil_date(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() / 86_400))
}

/// Converts days since 1970-01-01 to a date of the Gregorian calendar. Internally a year starts in March, so that the
/// leap day is its last day.
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

/// Returns the version of the kernel without the suffix of the distribution.
fn kernel() -> anyhow::Result<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(release.trim().split('-').next().unwrap_or_default().to_owned())
}

fn cpu() -> anyhow::Result<String> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let line = info
        .lines()
        .find(|line| line.starts_with("model name"))
        .context("cannot find the model name in /proc/cpuinfo")?;
    Ok(line.split_once(':').context("cannot parse the model name in /proc/cpuinfo")?.1.trim().to_owned())
}

/// Returns the first 12 digits of the current commit, or `None` outside of a git repository.
fn commit() -> Option<String> {
    command_output("git", &["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "--short=12", "HEAD"])
}

fn commit_with_state() -> String {
    let Some(commit) = commit() else {
        return "unknown".to_owned();
    };
    let status = ["-C", env!("CARGO_MANIFEST_DIR"), "status", "--porcelain", "--untracked-files=no"];
    let clean = command_output("git", &status).is_some_and(|text| text.is_empty());
    if clean { commit } else { format!("{commit} with uncommitted changes") }
}

/// Returns the versions of the compared runtimes, from the lock file.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_converted_to_dates() {
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
    fn folders_are_named_by_date_and_commit() {
        assert_eq!(folder_name("2026-11-23", Some("3eb1d6c0c10c")), "2026-11-23-3eb1d6c");
        assert_eq!(folder_name("2026-11-23", None), "2026-11-23-unknown");
    }

    #[test]
    fn lock_file_has_every_runtime() {
        assert_eq!(libraries().count(), 4);
    }
}
