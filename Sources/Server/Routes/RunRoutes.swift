import Hummingbird
import JSON
import Tracking

/// Runs: create, look up, search, change, delete and restore.
struct RunRoutes: RouteProvider {
    let store: any TrackingStore

    var routes: [Route] {
        Route.call(.post, "mlflow/runs/create", handler: create)
            + Route.call(.get, "mlflow/runs/get", handler: get)
            + Route.call(.post, "mlflow/runs/update", handler: update)
            + Route.call(.post, "mlflow/runs/delete", handler: delete)
            + Route.call(.post, "mlflow/runs/restore", handler: restore)
            + Route.call(.post, "mlflow/runs/search", handler: search)
    }

    @Sendable private func create(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let run = try await store.createRun(
            RunCreation(
                experimentID: try message.experimentID(), name: try message.nonEmptyString("run_name"),
                userID: try message.string("user_id") ?? "", startTime: try message.integer("start_time") ?? 0,
                tags: try message.tags()))
        return .json {
            $0.name("run")
            $0.run(run, withOutputs: false)
        }
    }

    @Sendable private func get(_ request: APIRequest) async throws -> Response {
        let run = try await store.run(id: try await request.message().runID())
        return .json(reservingCapacity: 4096) {
            $0.name("run")
            $0.run(run)
        }
    }

    @Sendable private func update(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let status = try message.enumeration(
            "status", RunStatus.allCases.enumerated().map { ($0.element.rawValue, Int64($0.offset) + 1, $0.element) })
        let info = try await store.updateRun(
            RunUpdate(
                runID: try message.runID(), status: status, endTime: try message.integer("end_time"),
                name: try message.nonEmptyString("run_name")))
        return .json {
            $0.name("run_info")
            $0.runInfo(info)
        }
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> Response {
        try await store.deleteRun(id: try await request.message().runID())
        return .empty
    }

    @Sendable private func restore(_ request: APIRequest) async throws -> Response {
        try await store.restoreRun(id: try await request.message().runID())
        return .empty
    }

    @Sendable private func search(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let search = RunSearch(
            experimentIDs: try message.strings("experiment_ids"), filter: try message.string("filter") ?? "",
            orderBy: try message.strings("order_by"), viewType: try message.viewType("run_view_type"),
            maxResults: try message.maxResults(default: 1000, limit: Limits.runsPerPage),
            pageToken: try message.nonEmptyString("page_token"))
        let page = try await store.searchRuns(search)
        return .json(reservingCapacity: 1024 * (page.elements.count + 1)) {
            $0.field("runs", page.elements) { $0.run($1) }
            $0.field("next_page_token", page.nextPageToken)
        }
    }
}
