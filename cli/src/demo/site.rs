//! The parent process: starts the demo site, reads its URL, and ends it.

use std::{
    io::{self, BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use super::SITE_ARGUMENT;

/// A demo site in a process of its own. Dropping it ends the process. The process also ends with this one.
///
/// # Examples
///
/// ```no_run
/// use std::{env, process::Command};
///
/// use gregaria::demo::DemoSite;
///
/// // This program must call `gregaria::main`, which serves the site in the new process.
/// let site = DemoSite::start(Command::new(env::current_exe()?))?;
/// println!("{}", site.base_url());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct DemoSite {
    base_url: String,
    _process: SiteProcess,
}

impl DemoSite {
    /// Starts a site and returns when it accepts connections. `program` starts this program, up to its first argument.
    ///
    /// A Rust program passes the path of its executable, the Python host the interpreter with `-m gregaria`.
    ///
    /// # Errors
    /// The program cannot be started, or does not serve a demo site.
    pub fn start(mut program: Command) -> io::Result<Self> {
        program.arg(SITE_ARGUMENT).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = SiteProcess(program.spawn()?);
        let base_url = process.read_base_url()?;
        Ok(Self { base_url, _process: process })
    }

    /// Returns the URL of the site: `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }
}

struct SiteProcess(Child);

impl SiteProcess {
    fn read_base_url(&mut self) -> io::Result<String> {
        let stdout = self.0.stdout.take().expect("stdout of the site is a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line.is_empty() {
            let status = self.0.wait()?;
            return Err(io::Error::other(format!("the demo site ended before it printed its URL: {status}")));
        }
        match line.trim_end() {
            url if url.starts_with("http://") => Ok(url.to_owned()),
            other => Err(io::Error::other(format!("the demo site printed {other:?} instead of its URL"))),
        }
    }
}

impl Drop for SiteProcess {
    fn drop(&mut self) {
        // The site has no state to save. An error means that the process has ended already.
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
    fn first_line_is_the_url() {
        // `$0` is the argument after the script.
        let site = DemoSite::start(shell("echo http://127.0.0.1:1/$0; cat")).unwrap();
        assert_eq!(site.base_url(), "http://127.0.0.1:1/--demo-site");
    }

    #[test]
    fn program_without_a_url_is_an_error() {
        let message = |script: &str| DemoSite::start(shell(script)).err().unwrap().to_string();
        assert!(message("exit 3").ends_with("exit status: 3"), "{}", message("exit 3"));
        assert!(message("echo Hello; cat").contains("\"Hello\""));
        assert!(DemoSite::start(Command::new("/nowhere/at/all")).is_err());
    }
}
