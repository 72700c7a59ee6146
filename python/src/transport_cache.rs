//! Ways to targets that tasks ask for: proxies and TLS. Made once for each wish, so that connections are shared by all
//! requests that wish for the same.

use std::{cell::RefCell, collections::HashMap};

use gregaria_http::{CertificateCheck, Proxies, TlsConfig, TlsOptions};
use pyo3::{exceptions::PyOSError, prelude::*};

/// What was wished for so far.
#[derive(Default)]
pub(crate) struct Routes {
    proxies: RefCell<HashMap<Vec<(String, String)>, Proxies>>,
    tls: RefCell<HashMap<TlsWish, TlsConfig>>,
}

/// Whether certificates are checked; against which authorities, if not the system's; certificate and key to show.
pub(crate) type TlsWish = (bool, Option<String>, Option<(String, String)>);

impl Routes {
    /// Proxies by what they are for, as requests and curl name it; `no_proxy` has the hosts that are reached without.
    pub(crate) fn proxies(&self, py: Python<'_>, wish: &[(String, String)]) -> PyResult<Proxies> {
        if let Some(known) = self.proxies.borrow().get(wish) {
            return Ok(known.clone());
        }
        let mut proxies = Proxies::none();
        for (key, url) in wish {
            if let Err(error) = proxies.set(key, url) {
                let class = py.import("requests.exceptions")?.getattr("InvalidProxyURL")?;
                return Err(PyErr::from_value(class.call1((format!("proxies[{key:?}] = {url:?}: {error}"),))?));
            }
        }
        self.proxies.borrow_mut().insert(wish.to_vec(), proxies.clone());
        Ok(proxies)
    }

    /// # Errors
    /// `OSError`, as in requests, when a file cannot be used.
    pub(crate) fn tls(&self, wish: &TlsWish) -> PyResult<TlsConfig> {
        if let Some(known) = self.tls.borrow().get(wish) {
            return Ok(known.clone());
        }
        let (checks, bundle, identity) = wish;
        let trust = match bundle {
            Some(bundle) => CertificateCheck::CaBundle(bundle.into()),
            None if *checks => CertificateCheck::SystemRoots,
            None => CertificateCheck::AcceptAnyCertificate,
        };
        let client_identity = identity.as_ref().map(|(certificate, key)| (certificate.into(), key.into()));
        let config = TlsConfig::new(&TlsOptions { certificate_check: trust, client_identity });
        let config = config.map_err(|error| PyOSError::new_err(format!("TLS: {error}")))?;
        self.tls.borrow_mut().insert(wish.clone(), config.clone());
        Ok(config)
    }
}
