//! Proxy and TLS configurations that tasks have asked for. Each is made once, so that all requests with the same
//! settings share connections.
//!
//! Used by `options.rs` while a request is packed.

use std::{cell::RefCell, collections::HashMap};

use gregaria_http::{CertificateCheck, Proxies, TlsConfig, TlsOptions};
use pyo3::{exceptions::PyOSError, prelude::*};

/// The configurations made so far, by their settings. It only grows: a scenario has few different ones.
#[derive(Default)]
pub(crate) struct TransportCache {
    proxies: RefCell<HashMap<Vec<(String, String)>, Proxies>>,
    tls: RefCell<HashMap<TlsKey, TlsConfig>>,
}

/// Whether certificates are verified; the CA bundle, or `None` for the system's; the client certificate and its key.
pub(crate) type TlsKey = (bool, Option<String>, Option<(String, String)>);

impl TransportCache {
    /// Returns the proxies for these pairs of key and URL. Keys are those of requests and curl (`http`, `https://host`,
    /// `all`); `no_proxy` lists the hosts that are reached directly.
    ///
    /// # Errors
    /// `requests.exceptions.InvalidProxyURL` if a URL cannot be used.
    pub(crate) fn proxies(&self, py: Python<'_>, settings: &[(String, String)]) -> PyResult<Proxies> {
        if let Some(known) = self.proxies.borrow().get(settings) {
            return Ok(known.clone());
        }
        let mut proxies = Proxies::none();
        for (key, url) in settings {
            if let Err(error) = proxies.set(key, url) {
                let class = py.import("requests.exceptions")?.getattr("InvalidProxyURL")?;
                return Err(PyErr::from_value(class.call1((format!("proxies[{key:?}] = {url:?}: {error}"),))?));
            }
        }
        self.proxies.borrow_mut().insert(settings.to_vec(), proxies.clone());
        Ok(proxies)
    }

    /// Returns the TLS configuration for these settings.
    ///
    /// # Errors
    /// `OSError`, as in requests, if a file cannot be read or used.
    pub(crate) fn tls(&self, key: &TlsKey) -> PyResult<TlsConfig> {
        if let Some(known) = self.tls.borrow().get(key) {
            return Ok(known.clone());
        }
        let (verifies, bundle, identity) = key;
        let certificate_check = match bundle {
            Some(bundle) => CertificateCheck::CaBundle(bundle.into()),
            None if *verifies => CertificateCheck::SystemRoots,
            None => CertificateCheck::AcceptAnyCertificate,
        };
        let client_identity = identity.as_ref().map(|(certificate, key)| (certificate.into(), key.into()));
        let config = TlsConfig::new(&TlsOptions { certificate_check, client_identity });
        let config = config.map_err(|error| PyOSError::new_err(format!("TLS: {error}")))?;
        self.tls.borrow_mut().insert(key.clone(), config.clone());
        Ok(config)
    }
}
