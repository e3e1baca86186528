# Signs a request and sends it. Ruby 2.7 or newer, no gems.
#
#   LP_RELAY=https://relay.example LP_KEY=lp_live_… LP_SECRET=lps_… ruby recipe.rb GET /api/links/verify
#   … ruby recipe.rb POST /api/links/fetch '{"idempotencyKey":"a","trackingUrl":"https://trk.example/a","source":"platform_api","rowId":"a"}'
#
# With LP_PRINT=1 it prints the signature instead of sending anything.
require "net/http"
require "openssl"
require "securerandom"

method, target, body = ARGV
body = body.to_s
timestamp = ENV["LP_TIMESTAMP"] || Time.now.to_i.to_s
nonce = ENV["LP_NONCE"] || SecureRandom.uuid

# The POST of a single fetch is signed over its body; everything else also names method, path and query.
signed = method == "POST" && target == "/api/links/fetch" ? body : "#{method} #{target}\n#{body}"
signature = OpenSSL::HMAC.hexdigest("SHA256", ENV.fetch("LP_SECRET"), "#{timestamp}.#{nonce}.#{signed}")

if ENV["LP_PRINT"]
  puts signature
else
  uri = URI(ENV.fetch("LP_RELAY") + target)
  request = Net::HTTPGenericRequest.new(method, !body.empty?, true, uri.request_uri)
  request["Content-Type"] = "application/json"
  request["X-Link-Peeler-Key"] = ENV.fetch("LP_KEY")
  request["X-Link-Peeler-Timestamp"] = timestamp
  request["X-Link-Peeler-Nonce"] = nonce
  request["X-Link-Peeler-Signature"] = signature
  request.body = body unless body.empty?
  response = Net::HTTP.start(uri.host, uri.port, use_ssl: uri.scheme == "https") { |http| http.request(request) }
  puts response.body
  exit 1 unless response.is_a?(Net::HTTPSuccess)
end
