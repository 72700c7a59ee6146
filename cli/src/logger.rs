//! The log: lines in Locust's form on stderr or at the end of a file.
//!
//! `[2026-11-23 02:44:13,123] HOST/INFO/gregaria: message`, in local time. Tables are not log lines: they go to stderr
//! unchanged, at any log level. On a terminal, log lines appear above the live display.

use std::{
    borrow::Cow,
    env,
    fs::{self, File},
    io::{self, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use log::{Level, Log, Metadata, Record};
use tz::{DateTime, TimeZone};

use crate::{args::LogPlan, exit::CliError, terminal::Screen};

/// Takes over the log of this process. For the owner of the process, once. Without a log file the log goes to `screen`.
///
/// # Errors
/// The log file cannot be opened, or the process has a logger already.
pub(crate) fn init(plan: &LogPlan, screen: &Screen) -> Result<(), CliError> {
    let target = match &plan.file {
        Some(path) => {
            let file = open_for_append(path)
                .map_err(|error| log_setup_error(&format!("--logfile {}: {error}", path.display())))?;
            LogTarget::File(Mutex::new(file))
        }
        None => LogTarget::Screen(screen.clone()),
    };
    let logger = Logger { host: host_name(), time_zone: local_time_zone(), target };
    log::set_boxed_logger(Box::new(logger)).map_err(|error| log_setup_error(&error.to_string()))?;
    log::set_max_level(plan.level);
    Ok(())
}

struct Logger {
    host: String,
    time_zone: TimeZone,
    target: LogTarget,
}

enum LogTarget {
    File(Mutex<File>),
    Screen(Screen),
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let time = DateTime::now(self.time_zone.as_ref()).map(|now| format_time(&now)).unwrap_or_default();
            let line = format_line(&time, &self.host, record);
            match &self.target {
                LogTarget::Screen(screen) => screen.write_lines(&line),
                LogTarget::File(file) => {
                    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                    // There is no other place to report an error of the log.
                    let _ = file.write_all(line.as_bytes());
                }
            }
        }
    }

    fn flush(&self) {}
}

fn open_for_append(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::options().append(true).create(true).open(path)
}

fn log_setup_error(cause: &str) -> CliError {
    CliError::runtime(format!("cannot log: {cause}"))
}

/// Formats one record, with a line end. A message of several lines keeps its lines.
fn format_line(time: &str, host: &str, record: &Record<'_>) -> String {
    format!("[{time}] {host}/{}/{}: {}\n", level_name(record.level()), package_name(record.target()), record.args())
}

/// Formats a time as Python's `logging` does.
fn format_time(time: &DateTime) -> String {
    let (year, month, day) = (time.year(), time.month(), time.month_day());
    let (hour, minute, second, ms) = (time.hour(), time.minute(), time.second(), time.nanoseconds() / 1_000_000);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02},{ms:03}")
}

/// Returns the zone of the variable `TZ` or of this machine. As in the C library, an invalid or missing zone is UTC.
fn local_time_zone() -> TimeZone {
    let zone = match env::var("TZ") {
        Ok(name) if !name.is_empty() => TimeZone::from_posix_tz(&name),
        _ => TimeZone::local(),
    };
    zone.unwrap_or_else(|_| TimeZone::utc())
}

/// Returns Locust's name of a level. Python has no TRACE.
fn level_name(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Warn => "WARNING",
        Level::Info => "INFO",
        Level::Debug | Level::Trace => "DEBUG",
    }
}

/// Returns the crate of a module path. Crates of gregaria get the Python form, such as `gregaria.engine`. The names of
/// Python loggers are unchanged.
fn package_name(target: &str) -> Cow<'_, str> {
    let package = target.split("::").next().unwrap_or(target);
    package.strip_prefix("gregaria_").map_or_else(|| package.into(), |part| format!("gregaria.{part}").into())
}

/// Returns the name of this machine up to the first dot.
fn host_name() -> String {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_has_the_form_of_locust() {
        let time = DateTime::from_timespec(1_795_401_853, 123_987_000, TimeZone::utc().as_ref()).unwrap();
        let time = format_time(&time);
        let text = |level, target, message: &str| {
            format_line(
                &time,
                "vm",
                &Record::builder().level(level).target(target).args(format_args!("{message}")).build(),
            )
        };
        assert_eq!(text(Level::Info, "gregaria", "ready"), "[2026-11-23 02:44:13,123] vm/INFO/gregaria: ready\n");
        assert_eq!(
            text(Level::Warn, "gregaria_engine::runner", "a\nb"),
            "[2026-11-23 02:44:13,123] vm/WARNING/gregaria.engine: a\nb\n"
        );
        assert_eq!(text(Level::Info, "my_shop.api", "x"), "[2026-11-23 02:44:13,123] vm/INFO/my_shop.api: x\n");
    }

    #[test]
    fn host_name_has_no_domain() {
        assert!(!host_name().is_empty() && !host_name().contains('.'));
    }

    #[test]
    fn log_file_is_appended_in_a_new_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/run.log");
        for text in ["a\n", "b\n"] {
            open_for_append(&path).unwrap().write_all(text.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(path).unwrap(), "a\nb\n");
    }
}
