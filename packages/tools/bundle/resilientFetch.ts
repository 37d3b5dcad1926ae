import * as ResilientFetch from "@reprise/http/ResilientFetch"

const fetch = ResilientFetch.make()

void fetch("https://example.com")
