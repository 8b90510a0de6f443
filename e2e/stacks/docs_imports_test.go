package stacks

import (
	_ "github.com/gofiber/fiber/v3"
	_ "google.golang.org/grpc/health"

	_ "github.com/kymohq/kymo/contrib/chi"
	_ "github.com/kymohq/kymo/contrib/connect"
	_ "github.com/kymohq/kymo/contrib/echo"
	_ "github.com/kymohq/kymo/contrib/echo5"
	_ "github.com/kymohq/kymo/contrib/fiber"
	_ "github.com/kymohq/kymo/contrib/gin"
	_ "github.com/kymohq/kymo/contrib/grpc"
	_ "github.com/kymohq/kymo/contrib/mux"
)
