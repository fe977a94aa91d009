use super::*;

#[test]
fn backend_names_are_checked() {
    for good in ["a", "rag", "my-backend", "my_backend2"] {
        assert_eq!(BackendName::parse(good).unwrap().as_str(), good);
    }
    for bad in [
        "",
        "Rag",
        "2rag",
        "a:b",
        "a.b",
        "a/b",
        "über",
        &"a".repeat(65),
    ] {
        assert_eq!(
            BackendName::parse(bad).unwrap_err().code(),
            ErrorCode::InvalidRequest,
            "{bad}"
        );
    }
}

#[test]
fn session_ids_round_trip_and_a_malformed_one_is_nobodys() {
    let id = SessionId::random();
    assert_eq!(SessionId::parse(id.as_str()).unwrap(), id);
    for bad in [
        "",
        "ses_",
        "ses_XYZ",
        "default",
        &id.as_str()[..20],
        &id.as_str().to_uppercase(),
    ] {
        assert_eq!(
            SessionId::parse(bad).unwrap_err().code(),
            ErrorCode::SessionNotFound,
            "{bad}"
        );
    }
}

#[test]
fn request_ids_of_callers_are_taken_over_only_if_harmless() {
    assert_eq!(
        RequestId::from_caller("trace-7").unwrap().as_str(),
        "trace-7"
    );
    for bad in ["", "two words", "line\nbreak", "ü", &"x".repeat(129)] {
        assert!(RequestId::from_caller(bad).is_none(), "{bad:?}");
    }
    assert_ne!(RequestId::next().as_str(), RequestId::next().as_str());
}
