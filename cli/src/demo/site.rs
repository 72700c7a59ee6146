//! The parent's side: starts the site, knows its address, ends it.

use std::{
    io::{self, BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use super::SITE_ARGUMENT;

/// A demo site in a process of its own, which ends when this is dropped, or with this process, whichever is first.
pub struct DemoSite {
    base_url: String,
    _process: SiteProcess,
}

impl DemoSite {
    /// Starts a site and returns when it accepts connections. `program` is how this very program is called, up to its
    /// first argument: in Rust the path of the executable, in Python the interpreter with `-m gregaria`.
    ///
    /// # Errors
    /// When the program cannot be started, or is no site.
    pub fn start(mut program: Command) -> io::Result<Self> {
        program.arg(SITE_ARGUMENT).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = SiteProcess(program.spawn()?);
        let base_url = process.read_base_url()?;
        Ok(Self { base_url, _process: process })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }
}

struct SiteProcess(Child);

impl SiteProcess {
    fn read_base_url(&mut self) -> io::Result<String> {
        let stdout = self.0.stdout.take().expect("its stdout is a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line.is_empty() {
            let status = self.0.wait()?;
            return Err(io::Error::other(format!("the demo site ended before it had an address: {status}")));
        }
        match line.trim_end() {
            address if address.starts_with("http://") => Ok(address.to_owned()),
            other => Err(io::Error::other(format!("the demo site said {other:?} instead of its address"))),
        }
    }
}

impl Drop for SiteProcess {
    fn drop(&mut self) {
        // It has nothing to save, and there is nothing to be done about one that is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn the_first_line_is_the_address() {
        // `$0` is the argument after the script.
        let site = DemoSite::start(shell("echo http://127.0.0.1:1/$0; cat")).unwrap();
        assert_eq!(site.base_url(), "http://127.0.0.1:1/--demo-site");
    }

    #[test]
    fn what_is_no_site_is_an_error() {
        let said = |script: &str| DemoSite::start(shell(script)).err().unwrap().to_string();
        assert!(said("exit 3").ends_with("exit status: 3"), "{}", said("exit 3"));
        assert!(said("echo Hello; cat").contains("\"Hello\""));
        assert!(DemoSite::start(Command::new("/nowhere/at/all")).is_err());
    }
}
