import Files

/// A base name that the other side lists, as a path in the folder that was listed, or a refusal (row D-07).
///
/// - Parameters:
///   - shown: the folder's name for messages.
///   - remedy: what the user can do about such a listing.
/// - Throws: `ArtifactError` for a name that is not exactly one safe path component.
func listedPath(
    _ name: String, in folder: RelativePath, of shown: String, remedy: String
) throws(ArtifactError) -> RelativePath {
    do throws(PathRefusal) {
        let path = try RelativePath(name)
        guard path.components.count == 1, !name.hasSuffix("/") else { throw PathRefusal(name, "is more than one name") }
        return folder.appending(path)
    } catch {
        throw ArtifactError(
            .untrustedAnswer,
            "the listing of \(shown) has an entry that is no safe path: '\(error.text.prefix(120))' \(error.reason)",
            remedy: remedy)
    }
}
