module pullpass.example/lab/app

go 1.26.0
