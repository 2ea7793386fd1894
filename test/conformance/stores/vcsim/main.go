// A vCenter on this machine: the simulator of govmomi behind a front that does what a real one does and the simulator
// leaves out. Files and objects are only for who has a session, files that are there are not overwritten, and sessions
// end when /test/end-sessions is asked. It runs until it is killed.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
)

const cookieName = "vmware_soap_session"

const notAuthenticated = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault>
<faultcode>ServerFaultCode</faultcode><faultstring>The session is not authenticated.</faultstring>
<detail><NotAuthenticatedFault xmlns="urn:vim25" xsi:type="NotAuthenticated"/></detail>
</soapenv:Fault></soapenv:Body></soapenv:Envelope>`

// What is answered without a session.
var open = []string{"<RetrieveServiceContent", "<Login"}

// The cookies that logins have given out.
type sessions struct {
	sync.Mutex
	alive map[string]bool
}

func (s *sessions) has(r *http.Request) bool {
	cookie, err := r.Cookie(cookieName)
	s.Lock()
	defer s.Unlock()
	return err == nil && s.alive[cookie.Value]
}

func (s *sessions) learn(r *http.Response) error {
	s.Lock()
	defer s.Unlock()
	for _, cookie := range r.Cookies() {
		if cookie.Name == cookieName {
			s.alive[cookie.Value] = cookie.MaxAge >= 0
		}
	}
	return nil
}

func (s *sessions) end() {
	s.Lock()
	defer s.Unlock()
	s.alive = map[string]bool{}
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	user := flag.String("user", "glance", "name and password of the one user")
	certificate := flag.String("certificate", "", "PEM")
	key := flag.String("key", "", "PEM")
	flag.Parse()

	model := simulator.VPX()
	model.Datastore = 2
	if err := model.Create(); err != nil {
		log.Fatal(err)
	}
	defer model.Remove()
	model.Service.Listen = &url.URL{Host: "127.0.0.1:0", User: url.UserPassword(*user, *user)}
	inner := model.Service.NewServer()

	known := &sessions{alive: map[string]bool{}}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: inner.URL.Host})
	proxy.ModifyResponse = known.learn
	http.HandleFunc("/test/end-sessions", func(w http.ResponseWriter, r *http.Request) { known.end() })
	http.HandleFunc("/sdk", func(w http.ResponseWriter, r *http.Request) { serveAPI(known, proxy, w, r) })
	http.HandleFunc("/folder/", func(w http.ResponseWriter, r *http.Request) { serveFile(known, proxy, w, r) })
	fmt.Println("listens on", *listen)
	log.Fatal(http.ListenAndServeTLS(*listen, *certificate, *key, nil))
}

func serveAPI(known *sessions, proxy http.Handler, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if known.has(r) {
		proxy.ServeHTTP(w, r)
		return
	}
	r.Header.Del("Cookie")
	for _, call := range open {
		if strings.Contains(string(body), call) {
			proxy.ServeHTTP(w, r)
			return
		}
	}
	w.WriteHeader(http.StatusInternalServerError)
	fmt.Fprint(w, notAuthenticated)
}

// The simulator refuses POST where there is a file, and PUT nowhere.
func serveFile(known *sessions, proxy http.Handler, w http.ResponseWriter, r *http.Request) {
	if !known.has(r) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method == http.MethodPut {
		r.Method = http.MethodPost
	}
	proxy.ServeHTTP(w, r)
}
