/// Container images and containers, through the user's own `docker` or `podman` client.
///
/// The client knows the user's contexts, logins, proxies and credential helpers, so it is the client that is used, never the engine's
/// socket; always with an argument vector, and what it answers is read as JSON.
///
/// * ``ContainerClient`` is the client: version, images (inspect, pull, build, tag, push), containers (create, start, inspect, stop, remove).
/// * ``ImageReference`` is what may stand where an image is named, ``VolumeMount`` what may stand where a mount is asked for: text from a
///   project reaches the client only as one of these.
/// * ``ImageBuild`` is an image made of a project's folder, named as MLflow names it.
package enum Containers {}
