print("git worker")
