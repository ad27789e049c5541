print("swiftflow")
